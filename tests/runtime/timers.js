// timers.js - which of many timers, immediates, ticks and reads of files comes first? 200 of them, and a digest of the order.
'use strict';
const fs = require('fs');
const order = [];
let left = 0;

function came(what) {
    order.push(what);
    if (--left === 0) {
        let digest = 7;
        for (const c of order.join(' '))
            digest = (Math.imul(digest, 31) + c.charCodeAt(0)) >>> 0;
        console.log(order.length, digest.toString(16), order.slice(0, 8).join(' '), Math.random());
    }
}

for (let i = 0; i < 50; i++) {
    left += 4;
    setTimeout(() => came('t' + i), i % 7);
    setImmediate(() => came('i' + i));
    process.nextTick(() => came('n' + i));
    fs.readFile(__filename, (e, data) => came('f' + i + '/' + data.length));
}
const began = process.hrtime.bigint();
const interval = setInterval(() => {
    if (process.hrtime.bigint() - began > 30000000n)
        clearInterval(interval);
}, 1);
