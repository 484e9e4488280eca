-- What waits at a tracker? Answers Q, and for each ID REQUEST.
local tracker = ARGV[1]
local answer = {'Q'}
for _, id in ipairs(redis.call('LRANGE', queue_key(tracker), 0, -1)) do
    local record = redis.call('HGET', request_key(id), 'r')
    if record then
        answer[#answer + 1] = id
        answer[#answer + 1] = record
    end
end
return answer
