// WebAssembly in node: a module written byte by byte, called until every tier has compiled it; memory growth, tables,
// traps as exceptions, and a compiled module posted to a worker.
'use strict';
const { Worker, isMainThread, workerData, parentPort } = require('worker_threads');

const leb = n => { const o = []; do { let b = n & 127; n >>>= 7; o.push(n ? b | 128 : b); } while (n); return o; };
const vec = items => [...leb(items.length), ...items.flat()];
const section = (id, items) => { const body = vec(items); return [id, ...leb(body.length), ...body]; };
const name = s => vec([...Buffer.from(s)].map(c => [c]));
const code = (locals, body) => { const b = [...vec(locals), ...body, 0x0b]; return [...leb(b.length), ...b]; };
const I32 = 0x7f, I64 = 0x7e, F64 = 0x7c;

const bytes = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [[0x60, 1, I32, 1, I32], [0x60, 2, I32, I32, 1, I32], [0x60, 1, F64, 1, F64], [0x60, 1, I64, 1, I64]]),
    ...section(3, [[0], [1], [1], [2], [0], [1], [3]]),
    ...section(4, [[0x70, 0, 2]]),
    ...section(5, [[1, 1, 4]]),
    ...section(7, [[...name('fib'), 0, 0], [...name('div'), 0, 1], [...name('fill'), 0, 2], [...name('root'), 0, 3],
        [...name('indirect'), 0, 4], [...name('load'), 0, 5], [...name('mix'), 0, 6], [...name('mem'), 2, 0]]),
    ...section(9, [[0, 0x41, 0, 0x0b, ...leb(1), 0]]),
    ...section(10, [
        // fib(n) = n < 2 ? n : fib(n-1) + fib(n-2)
        code([], [0x20, 0, 0x41, 2, 0x48, 0x04, I32, 0x20, 0, 0x05, 0x20, 0, 0x41, 1, 0x6b, 0x10, 0, 0x20, 0, 0x41, 2, 0x6b, 0x10, 0, 0x6a, 0x0b]),
        code([], [0x20, 0, 0x20, 1, 0x6d]),                                      // div
        // fill(n, v): for (i = n; i; i--) mem32[4*i] = v + i; result is the last word
        code([], [0x03, 0x40, 0x20, 0, 0x41, 2, 0x74, 0x20, 1, 0x20, 0, 0x6a, 0x36, 2, 0, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b,
            0x41, 4, 0x28, 2, 0]),
        code([], [0x20, 0, 0x9f]),                                               // sqrt
        code([], [0x41, 15, 0x20, 0, 0x11, 0, 0]),                               // call_indirect table[n](15)
        code([], [0x20, 0, 0x28, 2, 0, 0x20, 1, 0x6a]),                          // load
        // mix(n): x = n; 1000 times x = rotl(x * 6364136223846793005, 13) ^ x
        code([[1, I32]], [0x41, 0xe8, 7, 0x21, 1, 0x03, 0x40, 0x20, 0, 0x42, 0xad, 0xfe, 0xd5, 0xe4, 0xd4, 0x85, 0xfd, 0xa8, 0xd8, 0x00, 0x7e,
            0x42, 13, 0x89, 0x20, 0, 0x85, 0x21, 0, 0x20, 1, 0x41, 1, 0x6b, 0x22, 1, 0x0d, 0, 0x0b, 0x20, 0]),
    ]),
]);

function exercise(module) {
    const out = [], e = new WebAssembly.Instance(module).exports;
    for (let i = 0; i < 20; i++)
        out.push(e.fib(i));
    out.push(e.fib(24));
    for (const [a, b] of [[7, 2], [-7, 2], [1, 0], [-2147483648, -1]])
        try { out.push(e.div(a, b)); } catch (x) { out.push(x.constructor.name + ': ' + x.message); }
    for (let i = 0; i < 300; i++)
        e.fill(16000, i);
    out.push(new Uint32Array(e.mem.buffer).reduce((a, b) => (a + b) >>> 0, 0));
    try { e.load(65536, 0); } catch (x) { out.push(x.message); }
    out.push(e.mem.grow(2), e.load(65536, 5), e.mem.buffer.byteLength);
    try { e.mem.grow(9); } catch (x) { out.push(x.message); }
    out.push(e.root(2), e.root(-0), e.root(-1));
    for (const i of [0, 1, 9])
        try { out.push(e.indirect(i)); } catch (x) { out.push(x.message); }
    try { (function f(n) { return e.fib(n) + f(n); })(1); } catch (x) { out.push(x.constructor.name); }
    let m = 1n;
    for (let i = 0; i < 2000; i++)
        m = e.mix(m);
    out.push(m);
    for (let i = 0; i < 300; i++) // traps from optimised code
        try { e.load(i * 4096, i); } catch (x) { out[30] = x.message + i; }
    return out.map(String).join(' ');
}

if (isMainThread) {
    WebAssembly.compile(bytes).then(async module => {
        console.log(exercise(module));
        for (let round = 0; round < 2; round++) {
            const answers = await Promise.all([0, 1].map(i => new Promise((ok, bad) => {
                const w = new Worker(__filename, { workerData: module });
                w.on('message', ok).on('error', bad);
            })));
            console.log(answers[0] === exercise(module), answers[1] === answers[0]);
        }
    });
} else {
    parentPort.postMessage(exercise(workerData));
}
