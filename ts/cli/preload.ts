// Loaded before Next into each of its processes: the real-time server joins the HTTP server that one of them starts.

import "../server/register-now.js";
import "./announce.js";
