-- The caller has brought all it knows: D 1 (work may go on) | D 0 (others have not).
local owner = ARGV[1]
local merge = bucket .. ':m'
if redis.call('EXISTS', merge) == 0 then
    return {'D', '1'}
end
redis.call('HSET', merge, 'd' .. owner, '1')
local known = redis.call('HMGET', merge, 'u', 'e')
local expected = tonumber(known[2])
if tonumber(known[1]) <= now or expected > 0 and redis.call('HLEN', merge) - 2 >= expected then
    redis.call('DEL', merge)
    return {'D', '1'}
end
return {'D', '0'}
