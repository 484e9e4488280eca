-- What of this bucket is due? What is given out is not given to another caller for LEASE. Answers
-- S WAIT PENDING NOW, and for each: T turn… | R ID CODE REQUEST OUTCOME (a reply to be sent again; F: that of a refusal)
-- | D ID 0 REQUEST '' (its deadline is over) | V TRACKER 0 '' '' (its states are to be published). WAIT: milliseconds until the next one, -1: there is none.
local limit, lease_ms, owner = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local first = redis.call('ZRANGE', bucket .. ':due', 0, 0, 'WITHSCORES')
if not first[2] then
    return {'S', '-1', '0', whole(now)}
end
local answer = {'S', '-1', whole(redis.call('ZCARD', bucket .. ':due')), whole(now)}

local function put(kind, id, code, record, outcome)
    answer[#answer + 1] = kind
    answer[#answer + 1] = id
    answer[#answer + 1] = code
    answer[#answer + 1] = record
    answer[#answer + 1] = outcome
end

local function lane(tracker)
    not_due('l' .. tracker)
    if lane_is_free(tracker) then
        local id = next_turn(tracker, owner)
        if id then
            answer[#answer + 1] = 'T'
            put_turn(answer, id, tracker)
        end
    elseif not redis.call('HGET', lane_key(tracker), 'f') then
        lane_due(tracker, tonumber(redis.call('HGET', lane_key(tracker), 'u') or now + 1000))
    end
end

local function request(id)
    local r = redis.call('HMGET', request_key(id), 'z', 'r', 'c', 'u', 'k', 'd')
    if not r[1] then
        not_due(id)
        return
    end
    -- A refusal that nobody has heard, of a request that was asked again and taken then.
    local kind, _, _, other = seen(r[5])
    if r[1] == 'e' and (kind == 'p' or kind == 'a') and other ~= id then
        redis.call('DEL', request_key(id))
        not_due(id)
        return
    end
    due(id, now + lease_ms)
    if r[1] == 'e' then
        redis.call('HSET', request_key(id), 'o', owner)
        put(r[6] and 'R' or 'F', id, r[3], r[2], r[4])
    else
        put('D', id, '0', r[2], '')
    end
end

if tonumber(first[2]) <= now and is_ready() then
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', bucket .. ':due', '-inf', whole(now), 'LIMIT', 0, limit)) do
        local kind, tracker = string.match(member, '^(%a)(%d+)$')
        if kind == 'l' then
            lane(tracker)
        elseif kind == 's' then
            due(member, now + lease_ms)
            put('V', tracker, '0', '', '')
        else
            request(member)
        end
    end
    first = redis.call('ZRANGE', bucket .. ':due', 0, 0, 'WITHSCORES')
end
if first[2] then
    answer[2] = whole(math.max(0, first[2] - now))
end
return answer
