-- INSTANCE still empties the session of DEAD: H 1, or 0 where that lives again or another one does it. With DONE it is
-- empty, and there is nothing left of it.
local instance, dead, lease_ms, done = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local sign = redis.call('HGET', bucket .. ':i', dead)
local heir = redis.call('GET', bucket .. ':h:' .. dead)
if not sign or tonumber(sign) > now or heir and heir ~= instance then
    return {'H', '0'}
end
if done then
    redis.call('HDEL', bucket .. ':i', dead)
    redis.call('DEL', bucket .. ':h:' .. dead)
else
    redis.call('SET', bucket .. ':h:' .. dead, instance, 'PX', lease_ms)
end
return {'H', '1'}
