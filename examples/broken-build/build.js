console.log("Compiling");
console.error("error: server.js is missing");
process.exit(7);
