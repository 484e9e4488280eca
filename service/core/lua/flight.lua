-- What is in flight at a tracker? Answers F ID LEFT REQUEST SENT PARTIAL CONFIRMED OWNER STATES | N LAST ACKED.
local tracker = ARGV[1]
local lane = redis.call('HMGET', lane_key(tracker), 'f', 'l', 'a', 's')
if not lane[1] then
    return {'N', lane[2] or '0', lane[3] or '0'}
end
local r = redis.call('HMGET', request_key(lane[1]), 'd', 'r', 'z', 'p', 'm', 'o')
if not r[1] then
    return {'N', lane[2] or '0', lane[3] or '0'}
end
return {'F', lane[1], whole(r[1] - now), r[2], r[3] == 's' and '1' or '0', r[4] or '', r[5] or '0', r[6], lane[4] or ''}
