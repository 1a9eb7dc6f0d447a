// ioredis with its default settings: connects, waits for "ready" (it reads INFO), works and quits.
import assert from 'node:assert/strict';
import Redis from 'ioredis';

const client = new Redis({ host: '127.0.0.1', port: Number(process.argv[2]), db: 1 });
const errors = [];
client.on('error', (error) => errors.push(error));
await new Promise((resolve) => client.once('ready', resolve));

assert.equal(await client.set('key', 'value', 'EX', 100), 'OK');
assert.equal(await client.get('key'), 'value');
assert.ok((await client.ttl('key')) > 0);
assert.equal(await client.set('key', 'x', 'NX'), null);
assert.deepEqual(await client.mget('key', 'none'), ['value', null]);
assert.equal(await client.incrby('number', 41), 41);
const results = await client.pipeline().incr('number').del('key').exists('key').exec();
assert.deepEqual(results, [[null, 42], [null, 1], [null, 0]]);
assert.equal((await client.getBuffer('number')).toString(), '42');
await assert.rejects(client.call('NOSUCH'), /unknown command/);
let seen = [];
for await (const keys of client.scanStream({ match: 'n*' })) seen = seen.concat(keys);
assert.deepEqual(seen, ['number']);
assert.equal(await client.quit(), 'OK');
assert.deepEqual(errors, []);
