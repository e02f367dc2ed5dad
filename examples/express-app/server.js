// A small Express app: it listens on PORT, and on SIGTERM it finishes the requests in hand before it goes.
const express = require("express");
const { version } = require("./package.json");

const app = express();

app.get("/", (request, response) => {
  response.json({ hello: "Express", version });
});

const server = app.listen(Number(process.env.PORT), "127.0.0.1", (error) => {
  if (error) throw error;
  console.log(`Express ${version} listens on port ${process.env.PORT}`);
});

process.on("SIGTERM", () => {
  console.log("Stopping when the last request is answered");
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
