-- The server is another one than RUN before, or was started anew: it may have lost something. Until all instances
-- (EXPECTED: how many the caller knows of) have brought what they know, or WINDOW is over, nothing starts and nothing ends.
local run, expected, window_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local merge = bucket .. ':m'
if redis.call('GET', bucket .. ':n') ~= run then
    redis.call('SET', bucket .. ':n', run)
    redis.call('DEL', merge)
    redis.call('HSET', merge, 'u', whole(now + window_ms), 'e', '0')
end
if redis.call('EXISTS', merge) == 1 then
    redis.call('HSET', merge, 'e', whole(math.max(expected, tonumber(redis.call('HGET', merge, 'e')))))
end
return {'D'}
