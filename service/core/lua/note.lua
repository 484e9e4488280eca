-- An ack has come in part: what is left of its message, and which outputs it has confirmed. Where another part came
-- meanwhile, as HAD (the length of what was there before) tells, nothing is noted: the caller looks again.
local id, had, partial, confirmed = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local r = redis.call('HMGET', request_key(id), 'z', 'p')
if r[1] ~= 'c' and r[1] ~= 's' then
    return {'D'}
elseif #(r[2] or '') ~= had then
    return {'A'}
end
redis.call('HSET', request_key(id), 'p', partial, 'm', confirmed)
return {'D'}
