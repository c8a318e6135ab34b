// node: worker threads on shared memory (Atomics, wait and notify, termination), child processes, zlib, crypto, long GC runs.
'use strict';
const { Worker, isMainThread, workerData, parentPort } = require('worker_threads');
const { spawn, spawnSync, execFileSync, fork } = require('child_process');
const zlib = require('zlib'), crypto = require('crypto'), assert = require('assert');
const part = process.argv[2] || 'worker';

if (process.argv[2] === 'echo') {
    process.on('message', m => { process.send(m.map(x => x * 2)); process.disconnect(); });
} else if (!isMainThread) {
    const { shared, n, me, spin } = workerData, a = new Int32Array(shared);
    if (spin) for (;;);
    for (let i = 0; i < n; i++) {
        while (Atomics.compareExchange(a, 0, 0, 1)) Atomics.wait(a, 0, 1, 5);
        a[1] += 1;                                          // guarded by a[0]
        Atomics.store(a, 0, 0); Atomics.notify(a, 0, 1);
        Atomics.add(a, 2, me); Atomics.xor(a, 3, i);
    }
    parentPort.postMessage(me);
} else {
    ({ worker, child, zip, hash, gc })[part]();
}

async function worker() {
    const shared = new SharedArrayBuffer(64), n = 3000;
    const done = await Promise.all([1, 2, 3, 4].map(me => new Promise((ok, bad) => {
        new Worker(__filename, { workerData: { shared, n, me } }).on('message', ok).on('error', bad);
    })));
    console.log(done.join(), new Int32Array(shared).slice(0, 4).join());
    const w = new Worker(__filename, { workerData: { spin: true } });
    await new Promise(ok => w.on('online', ok));
    console.log('terminated', await new Promise(ok => setTimeout(() => w.terminate().then(ok), 50)));
    const bad = new Worker('setTimeout(() => { throw new RangeError("in worker") }, 5)', { eval: true });
    console.log((await new Promise(ok => bad.on('error', ok))).message);
    const small = new Worker('const a = []; for (;;) a.push(new Array(1000).fill(1.5))', { eval: true, resourceLimits: { maxOldGenerationSizeMb: 16 } });
    console.log((await new Promise(ok => small.on('error', ok))).code);
}

async function child() {
    console.log(execFileSync('sh', ['-c', 'cat; echo $X', 'sh'], { input: 'in', env: { X: 'y', PATH: process.env.PATH } }).toString());
    const r = spawnSync('sh', ['-c', 'echo e >&2; kill -TERM $$']);
    console.log(r.status, r.signal, r.stderr.toString());
    console.log(spawnSync('/nonexistent').error.code, spawnSync('sleep', ['9'], { timeout: 100 }).error.code);
    const f = fork(__filename, ['echo']);
    f.send([1, 2, 3]);
    console.log(await new Promise(ok => f.on('message', ok)));
    console.log(await new Promise(ok => f.on('exit', (c, s) => ok([c, s]))));
    const codes = await Promise.all([...Array(20).keys()].map(i => new Promise(ok => spawn('sh', ['-c', 'exit ' + i]).on('exit', ok))));
    console.log(codes.join());
    const p = spawn('cat');
    let n = 0;
    p.stdout.on('data', d => { n += d.length; });
    p.stdin.end(Buffer.alloc(3000000, 'x'));
    await new Promise(ok => p.on('close', ok));
    console.log(n);
}

function zip() {
    const data = Buffer.from([...Array(40000).keys()].map(i => (i * i % 977).toString(36)).join(' '));
    for (const [c, d] of [['deflateSync', 'inflateSync'], ['gzipSync', 'gunzipSync'], ['brotliCompressSync', 'brotliDecompressSync'], ['deflateRawSync', 'inflateRawSync']])
        console.log(c, crypto.createHash('sha1').update(zlib[d](zlib[c](data))).digest('hex'), zlib[c](data).length);
    zlib.gzip(data, (e, z) => zlib.gunzip(z, (e2, o) => console.log(o.equals(data))));
    try { zlib.inflateSync(Buffer.from('garbage')); } catch (e) { console.log(e.code); }
}

function hash() {
    const data = Buffer.from([...Array(100000).keys()].map(i => i * 7));
    for (const h of ['md5', 'sha1', 'sha256', 'sha512', 'sha3-256', 'blake2b512', 'ripemd160'])
        try { console.log(h, crypto.createHash(h).update(data).digest('hex')); } catch (e) { console.log(h, e.code); }
    const key = Buffer.alloc(32, 7), iv = Buffer.alloc(16, 9);
    for (const c of ['aes-256-cbc', 'aes-256-ctr', 'aes-256-gcm', 'chacha20-poly1305']) {
        const x = crypto.createCipheriv(c, key, iv.subarray(0, /gcm|poly/.test(c) ? 12 : 16), { authTagLength: 16 });
        console.log(c, crypto.createHash('sha256').update(Buffer.concat([x.update(data), x.final()])).digest('hex'), /gcm|poly/.test(c) ? x.getAuthTag().toString('hex') : '');
    }
    console.log(crypto.pbkdf2Sync('pw', 'salt', 2000, 32, 'sha256').toString('hex'), crypto.scryptSync('pw', 'salt', 32, { N: 1024 }).toString('hex'));
    for (const [type, opt] of [['rsa', { modulusLength: 1024 }], ['ec', { namedCurve: 'P-256' }], ['ed25519', {}], ['x25519', {}]]) {
        const { publicKey, privateKey } = crypto.generateKeyPairSync(type, opt);
        if (type === 'x25519') {
            const o = crypto.generateKeyPairSync(type);
            console.log(type, crypto.diffieHellman({ privateKey, publicKey: o.publicKey }).equals(crypto.diffieHellman({ privateKey: o.privateKey, publicKey })));
        } else {
            const alg = type === 'ed25519' ? null : 'sha256', s = crypto.sign(alg, data, privateKey);
            console.log(type, crypto.verify(alg, data, publicKey, s), crypto.verify(alg, data.subarray(1), publicKey, s));
        }
    }
    console.log(crypto.randomBytes(16).length, crypto.createHmac('sha384', key).update(data).digest('base64'), crypto.hkdfSync('sha256', key, iv, 'i', 8).byteLength);
}

function gc() {
    const keep = new Map(), weak = [];
    let collected = 0, sum = 0;
    const reg = new FinalizationRegistry(() => { collected++; });
    for (let round = 0; round < 60; round++) {
        for (let i = 0; i < 4000; i++) {
            const o = { round, i, text: 'x'.repeat(i % 50) + i, list: [i, i * 1.5, { deep: [i] }] };
            keep.set(i * 7919 % 5000, o);
            if (i % 400 === 0) { weak.push(new WeakRef(o)); reg.register(o, i); }
        }
        if (round % 10 === 9 && globalThis.gc) globalThis.gc();
        const big = new Float64Array(20000).fill(round);
        sum += big[round] + JSON.parse(JSON.stringify([...keep.values()].slice(0, 100))).reduce((a, o) => a + o.list[1], 0);
    }
    let h = 0;
    for (const [k, o] of keep) { assert(o.list[2].deep[0] === o.i); h = (h * 31 + k + o.text.length) | 0; }
    console.log(keep.size, sum, h);
    setTimeout(() => console.log(collected > 0, weak.some(w => w.deref() === undefined)), 20);
}
