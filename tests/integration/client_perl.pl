#!/usr/bin/perl
# The module Redis, with its default settings: perl client_perl.pl PORT SOCKET
use strict;
use warnings;
use Redis;

sub expect {
    my ($fact, $what) = @_;
    die "failed: $what\n" unless $fact;
}

my ($port, $socket) = @ARGV;
my $redis = Redis->new(server => "127.0.0.1:$port");
expect($redis->ping, 'ping');
expect($redis->set('session', 'data', 'EX', 100, 'NX') eq 'OK', 'set with ex and nx');
expect(!defined $redis->set('session', 'other', 'NX'), 'set nx on a key that exists');
expect($redis->get('session') eq 'data' && !defined $redis->get('none'), 'get');
expect($redis->ttl('session') > 0, 'ttl');
$redis->mset('a', 1, 'b', 2);
my @values = $redis->mget('a', 'none', 'b');
expect($values[0] eq '1' && !defined $values[1] && $values[2] eq '2', 'mset and mget');
expect($redis->incrby('count', 5) == 5 && $redis->incrbyfloat('float', 1.5) eq '1.5', 'counters');
my ($cursor, $keys) = $redis->scan(0, 'MATCH', '?', 'COUNT', 1000);
expect($cursor eq '0' && "@{[sort @$keys]}" eq 'a b', 'scan');
expect("@{[sort $redis->keys('?')]}" eq 'a b', 'keys');

my @counts;
$redis->incr('pipe', sub { push @counts, $_[0] }) for 1 .. 100;
$redis->wait_all_responses;
expect("@counts" eq join(' ', 1 .. 100), 'pipeline');

$redis->multi;
$redis->incr('count');
$redis->get('count');
expect(join(' ', $redis->exec) eq '6 6', 'multi and exec');
my $other = Redis->new(sock => $socket);
$redis->watch('count');
$other->set('count', 'changed');
$redis->multi;
$redis->set('count', 'lost');
my @replies = $redis->exec;
expect((@replies == 0 || !defined $replies[0]) && $redis->get('count') eq 'changed', 'watch');

expect(!eval { $redis->incr('session'); 1 } && $@ =~ /not an integer/, 'text of an error');
my $heard = '';
my $listener = Redis->new(server => "127.0.0.1:$port");
$listener->subscribe('news', sub { $heard = "$_[1] $_[0]" });
expect($other->publish('news', 'hello') == 1, 'publish');
$listener->wait_for_messages(60) until $heard;
expect($heard eq 'news hello', 'subscribe');
expect($redis->info->{redis_version} eq '7.0.15', 'info');
$redis->quit;
print "perl works\n";
