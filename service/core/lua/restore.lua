-- A request as its instance knows it: STATE is q, c, s or e (see above). Of two who know of it the one that got farther
-- is right.
local id, tracker, key, record, effect, state = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local deadline, code, outcome, owner = tonumber(ARGV[7]), ARGV[8], ARGV[9], ARGV[10]
local arrived, window_ms, lease_ms = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
local rank = {q = 1, c = 2, s = 3, e = 4}
local request, lane, queue = request_key(id), lane_key(tracker), queue_key(tracker)
local has = redis.call('HGET', request, 'z')
local kind, _, _, seen_id = seen(key)

-- An ending whose reply is still owed is brought back though its answer is there already.
if has and rank[has] >= rank[state] or not has and state ~= 'e' and kind == 'a' and seen_id == id then
    return {'D'}
end

-- In the order in which they came, as far as the clocks of their instances agree.
local function enqueue()
    for _, other in ipairs(redis.call('LRANGE', queue, 0, -1)) do
        if tonumber(redis.call('HGET', request_key(other), 'i') or 0) > arrived then
            redis.call('LINSERT', queue, 'BEFORE', other, id)
            return
        end
    end
    redis.call('RPUSH', queue, id)
end

redis.call('LREM', queue, 1, id)
redis.call('HSET', request, 'r', record, 't', tracker, 'k', key, 'e', effect, 'd', whole(deadline), 'b', whole(now), 'i',
           whole(arrived), 'z', state, 'o', owner)
if state == 'e' then
    if redis.call('HGET', lane, 'f') == id then
        redis.call('HDEL', lane, 'f')
    end
    redis.call('HSET', request, 'c', code, 'u', outcome)
    remember(key, 'a', code, outcome, id, whole(window_ms))
    due(id, now + lease_ms)
    lane_due(tracker, now)
    return {'D'}
end
if not kind or kind == 'r' then
    remember(key, 'p', '0', '0', id, whole(math.max(deadline - now, 0) + 2 * window_ms))
end
due(id, deadline)
if state == 'q' then
    enqueue()
    due('l' .. tracker, now)
else
    redis.call('HSET', request, 'g', whole(now), 'y', '0')
    if redis.call('HGET', lane, 'f') then
        redis.call('RPUSH', others_key(tracker), id)
        redis.call('PEXPIRE', others_key(tracker), 3600000)
        redis.call('HSET', lane, 'x', '1')
    else
        redis.call('HSET', lane, 'f', id, 'l', id, 'a', '0')
    end
end
return {'D'}
