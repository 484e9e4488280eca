-- A sign of life of INSTANCE, good for LEASE; JUDGES: it has a registry. Answers A COUNT DEAD JUDGED NAME…: how many
-- instances live; where INHERITS, one that does not and whose session at the broker the caller is to empty, which nobody
-- else is asked for in this time; 1 where any of those who live has a registry; and the names of all. Who was late with its own sign is not asked: the server may have stood still,
-- and then all are late.
local instance, lease_ms, inherits, judges = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1', ARGV[4] == '1'
local signs = bucket .. ':i'
inherits = inherits and tonumber(redis.call('HGET', signs, instance) or 0) > now
redis.call('HSET', signs, instance, whole(now + lease_ms))
local all = redis.call('HGETALL', signs)
if judges then
    redis.call('SET', bucket .. ':j', instance, 'PX', whole(lease_ms))
end
local count, dead = 0, ''
local answer = {'A', '', '', whole(redis.call('EXISTS', bucket .. ':j'))}
for i = 1, #all, 2 do
    answer[#answer + 1] = all[i]
    if tonumber(all[i + 1]) > now then
        count = count + 1
    elseif inherits and dead == '' and redis.call('EXISTS', bucket .. ':h:' .. all[i]) == 0 then
        dead = all[i]
    end
end
if dead ~= '' then
    redis.call('SET', bucket .. ':h:' .. dead, instance, 'PX', whole(lease_ms))
end
answer[2], answer[3] = whole(count), dead
return answer
