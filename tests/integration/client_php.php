<?php
// The PHP extension redis, with its default settings: what a web application does with it.
// php client_php.php PORT SOCKET

function expect(bool $fact, string $what): void
{
    if (!$fact) {
        fwrite(STDERR, "failed: $what\n");
        exit(1);
    }
}

[, $port, $socket] = $argv;
$redis = new Redis();
expect($redis->connect('127.0.0.1', (int)$port), 'connect');
expect($redis->ping() === true, 'ping');
expect($redis->set('session', 'data', ['nx', 'ex' => 100]), 'set with nx and ex');
expect($redis->set('session', 'other', ['nx']) === false, 'set nx on a key that exists');
expect($redis->get('session') === 'data' && $redis->get('none') === false, 'get');
expect($redis->ttl('session') > 0 && $redis->expire('session', 50) && $redis->ttl('session') <= 50, 'expire and ttl');
expect($redis->mset(['a' => '1', 'b' => '2']) && $redis->mget(['a', 'none', 'b']) === ['1', false, '2'], 'mset and mget');
expect($redis->incrBy('count', 5) === 5 && $redis->incrByFloat('float', 1.5) === 1.5, 'counters');
expect($redis->append('a', 'x') === 2 && $redis->getRange('a', 0, -1) === '1x', 'append and getrange');
expect($redis->setBit('bits', 7, true) === 0 && $redis->bitCount('bits') === 1, 'bits');
expect($redis->exists('a', 'b', 'none') === 2 && $redis->del('b') === 1, 'exists and del');

$redis->setOption(Redis::OPT_SCAN, Redis::SCAN_RETRY);
$found = [];
$cursor = null;
while (($keys = $redis->scan($cursor, '?')) !== false) {
    $found = array_merge($found, $keys);
}
expect($found === ['a'], 'scan');

$replies = $redis->multi()->incr('count')->get('count')->exec();
expect($replies === [6, '6'], 'multi and exec');
$redis->watch('count');
$other = new Redis();
expect($other->connect($socket), 'the Unix socket');
$other->set('count', 'changed');
expect($redis->multi()->set('count', 'lost')->exec() === false && $redis->get('count') === 'changed', 'watch');
$pipe = $redis->pipeline();
for ($i = 0; $i < 100; $i++) {
    $pipe->incr('pipe');
}
expect($pipe->exec() === range(1, 100), 'pipeline');

expect($redis->incr('session') === false && str_contains($redis->getLastError(), 'not an integer'), 'text of an error');
expect($redis->select(3) && $redis->dbSize() === 0 && $redis->select(0), 'select');
expect($redis->info()['redis_version'] === '7.0.15', 'info');
expect(is_string($redis->dump('session')), 'dump');
expect($other->publish('news', 'hello') === 0, 'publish');
expect($redis->flushDB() && $redis->dbSize() === 0, 'flushdb');
$redis->close();
echo "php works\n";
