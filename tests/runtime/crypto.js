// crypto.js - keys, hashes and compression in the thread pool: what is random, and which is done first.
'use strict';
const crypto = require('crypto');
const zlib = require('zlib');
const fs = require('fs');
const os = require('os');
const path = require('path');

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'crypto-'));
const order = [];
const jobs = [];

function job(name, start) {
    jobs.push(new Promise((resolve, reject) => start((error, result) => {
        if (error)
            return reject(error);
        order.push(name);
        resolve(result);
    })));
}

for (let i = 0; i < 6; i++) {
    job('p' + i, (f) => crypto.pbkdf2('secret', crypto.randomBytes(16), 2000 + 100 * (i % 3), 32, 'sha256', f));
    job('r' + i, (f) => crypto.randomBytes(1000, f));
    job('z' + i, (f) => zlib.deflate(crypto.randomBytes(30000), f));
    job('w' + i, (f) => fs.writeFile(path.join(dir, 'f' + i), crypto.randomUUID(), f));
}

Promise.all(jobs).then((results) => {
    const h = crypto.createHash('sha256');
    for (const r of results)
        if (r)
            h.update(r);
    for (const f of fs.readdirSync(dir))
        h.update(fs.readFileSync(path.join(dir, f)));
    fs.rmSync(dir, { recursive: true });
    console.log(order.join(' '), h.digest('hex'));
});
