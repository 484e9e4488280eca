-- The caller has brought all it knows: D 1 (work may go on) | D 0 (others have not).
local owner = ARGV[1]
local merge = bucket .. ':m'
if redis.call('EXISTS', merge) == 0 then
    return {'D', '1'}
end
redis.call('HSET', merge, ':' .. owner, '1')
local is_over = tonumber(redis.call('HGET', merge, 'u')) <= now
local all = redis.call('HVALS', merge)
local missing = 0
for i = 1, #all do
    missing = missing + (all[i] == '0' and 1 or 0)
end
if is_over or missing == 0 then
    redis.call('DEL', merge)
    return {'D', '1'}
end
return {'D', '0'}
