// node-redis with its default settings (RESP3): connects, works and closes.
import assert from 'node:assert/strict';
import { createClient } from 'redis';

const client = createClient({ url: `redis://127.0.0.1:${process.argv[2]}/1` });
const errors = [];
client.on('error', (error) => errors.push(error));
await client.connect();

assert.equal(await client.set('key', 'value', { EX: 100, NX: true }), 'OK');
assert.equal(await client.get('key'), 'value');
assert.equal(await client.get('none'), null);
assert.ok((await client.ttl('key')) > 0);
assert.deepEqual(await client.mGet(['key', 'none']), ['value', null]);
assert.equal(await client.incrBy('number', 42), 42);
assert.deepEqual(await Promise.all([client.del('key'), client.exists('key')]), [1, 0]);
assert.equal(Number(await client.incrByFloat('float', 1.5)), 1.5);
await assert.rejects(client.sendCommand(['NOSUCH']), /unknown command/);
const seen = [];
for await (const keys of client.scanIterator({ MATCH: 'n*' })) seen.push(...[].concat(keys));
assert.deepEqual(seen, ['number']);
assert.match(await client.info(), /redis_version:7/);
await client.close();
assert.deepEqual(errors, []);
