-- Instances that the caller knows of, in case the server has forgotten them: who of them gives no sign is dead.
local lease_ms = tonumber(ARGV[1])
for i = 2, #ARGV do
    redis.call('HSETNX', bucket .. ':i', ARGV[i], whole(now + lease_ms))
end
return {'D'}
