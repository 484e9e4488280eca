-- A request arrives: was it seen, and is there room for it? CODE is 0, or what the checks have found. Answers
-- T turn… (its turn has come) | Q (it waits) | R CODE (refused; the caller replies) | P ID (the same one is pending) |
-- A CODE OUTCOME (the same one was answered) | G (it is over, and others have replied).
--
-- What comes again after it was refused is judged anew, unless it may be the same message: redelivered, or read by its
-- instance before the refusal, as happens where an heir has the session of one that lives.
local id, tracker, key, record, effect, code = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local deadline, correlated, dup = tonumber(ARGV[7]), ARGV[8] == '1', ARGV[9] == '1'
local queue_max, window_ms, lease_ms = tonumber(ARGV[10]), ARGV[11], tonumber(ARGV[12])
local owner, may_start, arrived = ARGV[13], ARGV[14] == '1', tonumber(ARGV[15])

local NOT_SENT, QUEUE_ERROR, OFFLINE = '1', '8', '213'
local kind, seen_code, seen_outcome, seen_id, refused_at = seen(key)
local is_refused = kind == 'r' and (dup or arrived < (tonumber(refused_at) or 0))

-- What is pending or answered counts more.
local function refuse(with)
    redis.call('HSET', request_key(id), 'r', record, 't', tracker, 'k', key, 'z', 'e', 'o', owner, 'c', with, 'u',
               NOT_SENT)
    if kind ~= 'p' and kind ~= 'a' then
        remember(key, 'r', with, NOT_SENT, id .. ' ' .. whole(now), window_ms)
    end
    due(id, now + lease_ms)
    return {'R', with}
end

-- Called again.
local state = redis.call('HMGET', request_key(id), 'z', 'o', 'c', 'y')
if state[1] == 'e' then
    return state[2] == owner and {'R', state[3]} or {'G'}
elseif state[1] == 'q' then
    return {'Q'}
elseif state[1] == 'c' and state[2] == owner and state[4] == '1' then
    local answer = {'T'} -- of which nobody has heard, or it would not be asked again
    put_turn(answer, id, tracker)
    return answer
elseif state[1] then
    return {'P', id}
end

if kind and seen_id == id then
    return {'G'}
elseif (kind == 'p' or kind == 'a') and (correlated or dup) or is_refused then
    return kind == 'p' and {'P', seen_id} or {'A', seen_code, seen_outcome}
end

if code ~= '0' then
    return refuse(code)
elseif deadline <= now then
    return refuse(OFFLINE)
elseif not is_ready() then
    return refuse(QUEUE_ERROR)
end

local waiting = redis.call('LLEN', queue_key(tracker))
local lane = redis.call('HMGET', lane_key(tracker), 'f', 'u', 'x', 's')
local free = is_free(tracker, lane[1], lane[2], lane[3])
local starts = may_start and waiting == 0 and free
if not starts and waiting >= queue_max then
    return refuse(QUEUE_ERROR)
end
remember(key, 'p', '0', '0', id, whole(deadline - now + 2 * window_ms))
due(id, deadline)
if starts then
    redis.call('HSET', lane_key(tracker), 'f', id, 'l', id, 'a', '0')
    redis.call('HSET', request_key(id), 'r', record, 't', tracker, 'k', key, 'e', effect, 'd', whole(deadline), 'b',
               whole(now), 'z', 'c', 'o', owner, 'g', whole(now), 'y', '1')
    return {'T', id, whole(deadline - now), record, lane[4] or ''}
end
redis.call('HSET', request_key(id), 'r', record, 't', tracker, 'k', key, 'e', effect, 'd', whole(deadline), 'b',
           whole(now), 'z', 'q')
redis.call('RPUSH', queue_key(tracker), id)
if free then
    due('l' .. tracker, now) -- by somebody who may
end
return {'Q'}
