-- The last acked states of a tracker, as one instance knows them.
local tracker, states, since = ARGV[1], ARGV[2], ARGV[3]
local has = redis.call('HGET', lane_key(tracker), 'w')
if not has or tonumber(has) < tonumber(since) then
    redis.call('HSET', lane_key(tracker), 's', states, 'w', since)
    redis.call('HINCRBY', lane_key(tracker), 'v', 1)
    due('s' .. tracker, now)
end
return {'D'}
