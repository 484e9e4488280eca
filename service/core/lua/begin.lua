-- The server is another one than RUN before, or was started anew: it may have lost something. Until all instances have
-- brought what they know, or WINDOW is over, nothing starts and nothing ends. NAMES: of the instances that the caller
-- knows of, a line each.
local run, names, window_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local merge = bucket .. ':m'
if redis.call('GET', bucket .. ':n') ~= run then
    redis.call('SET', bucket .. ':n', run)
    redis.call('DEL', merge)
    redis.call('HSET', merge, 'u', whole(now + window_ms))
end
if redis.call('EXISTS', merge) == 1 then
    for name in string.gmatch(names, '[^\n]+') do
        redis.call('HSETNX', merge, ':' .. name, '0')
    end
end
return {'D'}
