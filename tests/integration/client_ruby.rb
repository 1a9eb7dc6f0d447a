# The gem redis, with its default settings: ruby client_ruby.rb PORT SOCKET
require "redis"

def expect(fact, what)
  abort "failed: #{what}" unless fact
end

port, socket = ARGV
redis = Redis.new(port: port.to_i)
expect redis.ping == "PONG", "ping"
expect redis.set("session", "data", nx: true, ex: 100) == true, "set with nx and ex"
expect redis.set("session", "other", nx: true) == false, "set nx on a key that exists"
expect redis.get("session") == "data" && redis.get("none").nil?, "get"
expect redis.ttl("session").between?(1, 100), "ttl"
redis.mset("a", "1", "b", "2")
expect redis.mget("a", "none", "b") == ["1", nil, "2"], "mset and mget"
expect redis.incrby("count", 5) == 5 && redis.incrbyfloat("float", 1.5) == 1.5, "counters"
expect redis.scan_each(match: "?").sort == %w[a b], "scan"
expect redis.getex("a", ex: 50) == "1" && redis.getdel("b") == "2", "getex and getdel"
expect redis.setbit("bits", 7, 1).zero? && redis.bitcount("bits") == 1, "bits"
expect redis.pipelined { |pipe| 100.times { pipe.incr("pipe") } } == (1..100).to_a, "pipeline"
expect redis.multi { |tx| tx.incr("count"); tx.get("count") } == [6, "6"], "multi"

other = Redis.new(path: socket)
changed = redis.watch("count") do
  other.set("count", "changed")
  redis.multi { |tx| tx.set("count", "lost") }
end
expect changed.nil? && redis.get("count") == "changed", "watch"
begin
  redis.incr("session")
  abort "failed: INCR of a text"
rescue Redis::CommandError => error
  expect error.message.include?("not an integer"), "text of an error"
end

heard = []
listener = Redis.new(port: port.to_i)
listener.subscribe("news") do |on|
  on.subscribe { other.publish("news", "hello") }
  on.message do |channel, message|
    heard << [channel, message]
    listener.unsubscribe
  end
end
expect heard == [%w[news hello]], "subscribe and publish"
expect redis.info["redis_version"] == "7.0.15", "info"
redis.close
puts "ruby works"
