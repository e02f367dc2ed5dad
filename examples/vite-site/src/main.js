import "./style.css";

document.querySelector("#built").textContent = "This line was written by the script that Vite bundled.";
