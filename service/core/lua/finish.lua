-- A request ends, where this is its first ending. OUTCOME: a number; or t: its deadline is over, and it depends on
-- whether it was commanded; q: not_sent, where it still waits. not_sent counts only where the caller knows: of one that
-- waits, or whose turn it has. With ACKED, one that waits is not meant. Answers
-- E CODE OUTCOME REQUEST STATES SINCE VERSION WAITED TOOK [turn… of the next one] | N LAST ACKED (it has ended, or is not known:
-- of this tracker the last command was LAST). WAITED: milliseconds in the queue; TOOK: since its turn.
local id, tracker, code, outcome = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local quarantine_ms, window_ms, lease_ms = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local owner, may_start, call, acked, wall_ms = ARGV[8], ARGV[9] == '1', ARGV[10], ARGV[11] == '1', ARGV[12]

local SUCCESS, NOT_SENT, UNKNOWN = '0', '1', '3'
local request = redis.call('HMGET', request_key(id), 'z', 'o', 'k', 't', 'e', 'x', 'c', 'u', 'r', 'b',
                             'g')
local state, had, key, own_tracker, effect, ended_by = unpack(request, 1, 6)
local lane = lane_key(tracker)

local function ending(with_code, with_outcome)
    local known = redis.call('HMGET', lane, 's', 'w', 'v')
    local turn = request[11] or now
    return {'E', with_code, with_outcome, request[9], known[1] or '', known[2] or '0', known[3] or '0',
            whole(turn - (request[10] or turn)), whole(now - turn)}
end

if state == 'e' and ended_by == owner .. call then
    return ending(request[7], request[8]) -- called again
end
if outcome == 't' then
    outcome = state == 'q' and NOT_SENT or UNKNOWN
elseif outcome == 'q' then
    outcome = NOT_SENT
    state = (state == 'q' or state == 'e') and state or nil
elseif outcome == NOT_SENT and not (state == 'q' or state == 'c' and had == owner) then
    state = nil
end
if not state or state == 'e' or own_tracker ~= tracker or acked and state == 'q' then
    local last = redis.call('HMGET', lane, 'l', 'a')
    return {'N', last[1] or '0', last[2] or '0'}
end

if state == 'q' then
    redis.call('LREM', queue_key(tracker), 1, id)
elseif redis.call('HGET', lane, 'f') == id then
    redis.call('HDEL', lane, 'f')
end
if quarantine_ms > 0 then
    redis.call('HSET', lane, 'u', whole(now + quarantine_ms))
end
redis.call('HSET', request_key(id), 'z', 'e', 'o', owner, 'c', code, 'u', outcome, 'x', owner .. call)
redis.call('HDEL', request_key(id), 'p', 'm')
remember(key, 'a', code, outcome, id, window_ms)
due(id, now + lease_ms)
if acked and redis.call('HGET', lane, 'l') == id then
    redis.call('HSET', lane, 'a', '1')
end

-- The effect is 'FROM:STATES': those of the outputs from number FROM on.
if outcome == SUCCESS then
    local from, states = string.match(effect, '^(%d+):(.*)$')
    local before = redis.call('HGET', lane, 's') or ''
    before = before .. string.rep('-', from - 1 - #before)
    redis.call('HSET', lane, 's', string.sub(before, 1, from - 1) .. states .. string.sub(before, from + #states), 'w',
               wall_ms)
    redis.call('HINCRBY', lane, 'v', 1)
    due('s' .. tracker, now + lease_ms)
end

local answer = ending(code, outcome)
local following = may_start and next_turn(tracker, owner)
if following then
    put_turn(answer, following, tracker)
elseif quarantine_ms > 0 then
    lane_due(tracker, now + quarantine_ms)
elseif not may_start then
    lane_due(tracker, now)
end
return answer
