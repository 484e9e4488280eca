-- A request has ended, and its requester has the reply.
local id, tracker, key, code, outcome, left_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local quarantine_ms = tonumber(ARGV[7])
local kind = seen(key)
local state = redis.call('HGET', request_key(id), 'z')

if quarantine_ms > 0 then
    local has = tonumber(redis.call('HGET', lane_key(tracker), 'u') or 0)
    redis.call('HSET', lane_key(tracker), 'u', whole(math.max(has, now + quarantine_ms)))
end
if kind == 'a' then
    return {'D'}
end
if state and state ~= 'e' then
    redis.call('LREM', queue_key(tracker), 1, id)
    if redis.call('HGET', lane_key(tracker), 'f') == id then
        redis.call('HDEL', lane_key(tracker), 'f')
    end
    redis.call('DEL', request_key(id))
    not_due(id)
    lane_due(tracker, now)
end
remember(key, 'a', code, outcome, id, left_ms)
return {'D'}
