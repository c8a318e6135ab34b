// Optimised numeric and object code, typed arrays, regular expressions, closures, generators, promises, workers, crypto.
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
console.log(fib(27));
let a = new Float64Array(100000); for (let k = 0; k < 20; k++) for (let i = 0; i < a.length; i++) a[i] = a[i] * 0.5 + Math.sqrt(i + k);
console.log(a.reduce((x, y) => x + y, 0).toFixed(6));
let h = 0; for (let i = 0; i < 3e6; i++) { h = Math.imul(h ^ (i & 255), 16777619) >>> 0; } console.log(h);
let m = new Map(); for (let i = 0; i < 100000; i++) m.set(i * 7919 % 10007, (m.get(i * 7919 % 10007) || 0) + i); console.log(m.size, m.get(5));
class P { constructor(x) { this.x = x; } get v() { return this.x; } } class Q extends P { get v() { return super.v * 2; } }
let s = 0; for (let i = 0; i < 200000; i++) s += (i & 1 ? new P(i) : new Q(i)).v; console.log(s);
console.log("a1b22c333".replace(/\d+/g, d => d.length), JSON.stringify({ a: [1, 2.5, null], b: "é" }), 0.1 + 0.2, 2n ** 100n, -7 % 3, 1 / -0, parseInt("zz", 36));
function* g() { for (let i = 0; i < 3; i++) yield i; } console.log([...g()], [3, 1, 10, 2].sort(), [3, 1, 10, 2].sort((a, b) => a - b));
const c = require("crypto"); console.log(c.createHash("sha256").update("x".repeat(100000)).digest("hex"), c.createHmac("md5", "k").update("d").digest("hex"));
const cp = require("child_process"); console.log(cp.execSync("echo child").toString().trim());
const { Worker } = require("worker_threads");
new Worker("require('worker_threads').parentPort.postMessage([1,2,3].map(x=>x*x))", { eval: true }).on("message", r => console.log("worker", r));
Promise.all([1, 2, 3].map(async x => { await null; return x * 2; })).then(r => console.log("promise", r));
process.on("exit", c => console.log("exit", c));
