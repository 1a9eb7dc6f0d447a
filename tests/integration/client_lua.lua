-- The module redis (redis-lua), with its default settings: lua5.1 client_lua.lua PORT
local redis = require("redis")

local function expect(fact, what)
    if not fact then
        io.stderr:write("failed: " .. what .. "\n")
        os.exit(1)
    end
end

local client = redis.connect("127.0.0.1", tonumber(arg[1]))
expect(client:ping(), "ping")
expect(client:set("session", "data"), "set")
expect(client:setnx("session", "other") == false, "setnx on a key that exists")
expect(client:get("session") == "data" and client:get("none") == nil, "get")
expect(client:expire("session", 100) and client:ttl("session") > 0, "expire and ttl")
client:mset({ a = "1", b = "2" })
local values = client:mget("a", "none", "b")
expect(values[1] == "1" and not values[2] and values[3] == "2", "mset and mget")
expect(client:incrby("count", 5) == 5, "counter")
local found = client:scan(0, { match = "?", count = 1000 })
expect(found[1] == "0" and #found[2] == 2, "scan")
local replies = client:pipeline(function(pipe)
    for _ = 1, 100 do
        pipe:incr("pipe")
    end
end)
expect(#replies == 100 and replies[100] == 100, "pipeline")
replies = client:transaction(function(transaction)
    transaction:incr("count")
    transaction:get("count")
end)
expect(replies[1] == 6 and replies[2] == "6", "multi and exec")
local ok, text = pcall(client.incr, client, "session")
expect(not ok and tostring(text):find("not an integer", 1, true), "text of an error")

expect(client:info().server.redis_version == "7.0.15", "info")

local other = redis.connect("127.0.0.1", tonumber(arg[1]))
local heard
for message, abort in client:pubsub({ subscribe = { "news" } }) do
    if message.kind == "subscribe" then
        expect(other:publish("news", "hello") == 1, "publish")
    elseif message.kind == "message" then
        heard = message.channel .. " " .. message.payload
        abort()
    end
end
expect(heard == "news hello", "subscribe")
print("lua works")
