-- The command of a request was handed to the broker.
local id, owner = ARGV[1], ARGV[2]
local r = redis.call('HMGET', request_key(id), 'z', 'o')
if r[1] == 'c' and r[2] == owner then
    redis.call('HSET', request_key(id), 'z', 's')
end
return {'D'}
