-- The last acked states of a tracker, of which the broker has version PUBLISHED ('': none is known to be there):
-- V STATES SINCE VERSION.
local tracker, published = ARGV[1], ARGV[2]
local lane = redis.call('HMGET', lane_key(tracker), 's', 'w', 'v')
if published == (lane[3] or '0') then
    not_due('s' .. tracker)
end
return {'V', lane[1] or '', lane[2] or '0', lane[3] or '0'}
