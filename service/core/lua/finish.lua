-- A request ends, where this is its first ending. OUTCOME: a number; or t: its deadline is over, and it depends on
-- whether it was commanded; q: not_sent, where it still waits. not_sent counts only where the caller knows: of one that
-- waits, or whose turn it has. With ACKED, one that waits is not meant. Answers
-- E CODE OUTCOME REQUEST STATES SINCE VERSION WAITED TOOK [turn… of the next one] | N LAST ACKED (it has ended, or is not known:
-- of this tracker the last command was LAST). WAITED: milliseconds in the queue; TOOK: since its turn.
local id, tracker, code, outcome = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local quarantine_ms, window_ms, lease_ms = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local owner, may_start, call, acked, wall_ms = ARGV[8], ARGV[9] == '1', ARGV[10], ARGV[11] == '1', ARGV[12]

local SUCCESS, NOT_SENT, UNKNOWN = '0', '1', '3'
local request = redis.call('HMGET', request_key(id), 'z', 'o', 'k', 't', 'e', 'x', 'c', 'u', 'r', 'b', 'g', 'p')
local state, had, key, own_tracker, effect, ended_by = unpack(request, 1, 6)
local lane = lane_key(tracker)
local known = redis.call('HMGET', lane, 'f', 'l', 'a', 's', 'w', 'v', 'x')
local in_flight, last, was_acked, states, since, version, others = unpack(known, 1, 7)

local function ending(with_code, with_outcome)
    local turn = request[11] or now
    return {'E', with_code, with_outcome, request[9], states or '', since or '0', version or '0',
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
    return {'N', last or '0', was_acked or '0'}
end

if state == 'q' then
    redis.call('LREM', queue_key(tracker), 1, id)
elseif in_flight == id then
    redis.call('HDEL', lane, 'f')
end
redis.call('HSET', request_key(id), 'z', 'e', 'o', owner, 'c', code, 'u', outcome, 'x', owner .. call)
if request[12] then
    redis.call('HDEL', request_key(id), 'p', 'm')
end
remember(key, 'a', code, outcome, id, window_ms)

local changes = {}
if quarantine_ms > 0 then
    changes = {'u', whole(now + quarantine_ms)}
end
if acked and last == id then
    changes[#changes + 1] = 'a'
    changes[#changes + 1] = '1'
end
-- The effect is 'FROM:STATES': those of the outputs from number FROM on.
if outcome == SUCCESS then
    local from, to = string.match(effect, '^(%d+):(.*)$')
    local before = states or ''
    before = before .. string.rep('-', from - 1 - #before)
    states = string.sub(before, 1, from - 1) .. to .. string.sub(before, from + #to)
    since, version = wall_ms, whole((version or 0) + 1)
    for _, change in ipairs({'s', states, 'w', since, 'v', version}) do
        changes[#changes + 1] = change
    end
    due(id, now + lease_ms, 's' .. tracker)
else
    due(id, now + lease_ms)
end
if changes[1] then
    redis.call('HSET', lane, unpack(changes))
end

local answer = ending(code, outcome)
local waits = redis.call('EXISTS', queue_key(tracker)) == 1
local following = may_start and (waits or others) and next_turn(tracker, owner)
if following then
    put_turn(answer, following, tracker)
elseif waits and quarantine_ms > 0 then
    lane_due(tracker, now + quarantine_ms)
elseif waits and not may_start then
    lane_due(tracker, now)
end
return answer
