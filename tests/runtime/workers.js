// workers.js - four worker threads count in shared memory without a lock, and send what they saw; one message each 500 rounds.
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

if (isMainThread) {
    const shared = new Int32Array(new SharedArrayBuffer(64));
    const order = [];
    let left = 4;
    for (let i = 0; i < 4; i++) {
        const w = new Worker(__filename, { workerData: { shared, id: i } });
        w.on('message', (m) => order.push(m));
        w.on('exit', (code) => {
            order.push('x' + i + '/' + code);
            if (--left)
                return;
            let digest = 7;
            for (const c of order.join(' '))
                digest = (Math.imul(digest, 31) + c.charCodeAt(0)) >>> 0;
            console.log(shared[0], shared[1], order.length, digest.toString(16));
        });
    }
} else {
    const { shared, id } = workerData;
    for (let i = 1; i <= 5000; i++) {
        shared[0] = shared[0] + 1;           // gets lost now and then
        const n = Atomics.add(shared, 1, 1); // never
        if (i % 500 === 0)
            parentPort.postMessage(id + ':' + n);
        if (i % 1000 === 0)
            Atomics.wait(shared, 4, 0, 1);
    }
}
