-- What all scripts begin with, each with as much of it as it uses. One bucket of trackers is one hash slot: KEYS[1] is its name, as outputd:{17}, and every
-- key of it begins with that name. Times are the server's own clock, milliseconds; instances say how much is left.
--
--   :t:TRACKER  hash    f: the command in flight; u: in quarantine until; l: the last command; a: it was acked;
--                       s: last acked states of the outputs, '1', '0' or '-' each; w: since when, v: how often changed
--   :q:TRACKER  list    requests that wait for their turn
--   :o:TRACKER  list    after a merge: others that may be in flight; then x is set in its hash
--   :r:ID       hash    r: the request; t: its tracker; k: what makes it the same as another one; e: what it does to
--                       the states; z: 'q' queued, 'c' its turn has come, 's' sent, 'e' ended; o: whose it is;
--                       y: its turn was given by SUBMIT; b, g, d: when it came, had its turn, its deadline; c, u: code and outcome; x: the call that ended it; p, m: of an ack in pieces
--   :k:KEY      string  'p', 'a' or 'r': pending, answered, refused; CODE OUTCOME ID, and when it was refused
--   :due        zset    what has to be looked at, and when: requests by id, lanes as
--                       'l' TRACKER, states that are to be published as 's' TRACKER
--   :ids        string  the last block of numbers that was given out; in bucket 0
--   :n          string  the server that was looked at
--   :i          hash    in bucket 0: until when each instance has given a sign of life; :h:INSTANCE its heir; :j whoever
--                       lives and has a registry
--   :m          hash    while what it may have lost is put together again: u: until when at the latest; :INSTANCE: '0',
--                       or '1' once it has brought all it knows
--
-- Every script may be called again when its answer was lost.
local bucket = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function whole(number)
    return string.format('%.0f', number)
end

local function request_key(id)
    return bucket .. ':r:' .. id
end

local function lane_key(tracker)
    return bucket .. ':t:' .. tracker
end

local function queue_key(tracker)
    return bucket .. ':q:' .. tracker
end

local function due(member, at, another)
    if another then
        redis.call('ZADD', bucket .. ':due', whole(at), member, whole(at), another)
    else
        redis.call('ZADD', bucket .. ':due', whole(at), member)
    end
end

local function not_due(member)
    redis.call('ZREM', bucket .. ':due', member)
end

local function others_key(tracker)
    return bucket .. ':o:' .. tracker
end

-- Kind, code, outcome, id, when it was refused; nil: never seen.
local function seen(key)
    local value = redis.call('GET', bucket .. ':k:' .. key)
    if not value then
        return nil
    end
    return string.match(value, '^(.) (%d+) (%d+) (%d+) ?(%d*)$')
end

local function remember(key, kind, code, outcome, id, window_ms)
    redis.call('SET', bucket .. ':k:' .. key, kind .. ' ' .. code .. ' ' .. outcome .. ' ' .. id, 'PX', window_ms)
end

local function is_ready()
    local until_ms = redis.call('HGET', bucket .. ':m', 'u')
    return not until_ms or tonumber(until_ms) <= now
end

-- Others that may be in flight, as somebody knew who brought it back.
local function other_in_flight(tracker)
    local id = redis.call('LPOP', others_key(tracker))
    while id do
        local state = redis.call('HGET', request_key(id), 'z')
        if state == 'c' or state == 's' then
            redis.call('HSET', lane_key(tracker), 'f', id)
            return true
        end
        id = redis.call('LPOP', others_key(tracker))
    end
    redis.call('HDEL', lane_key(tracker), 'x')
    return false
end

-- As f, u and x of its hash say; where the server is ready.
local function is_free(tracker, in_flight, quarantine, others)
    return not in_flight and not (quarantine and tonumber(quarantine) > now) and
               not (others and other_in_flight(tracker))
end

local function lane_is_free(tracker)
    return is_ready() and is_free(tracker, unpack(redis.call('HMGET', lane_key(tracker), 'f', 'u', 'x'), 1, 3))
end

-- Gives a request that waited its turn, which is `owner`'s from now on.
local function give_turn(id, tracker, owner)
    redis.call('HSET', lane_key(tracker), 'f', id, 'l', id, 'a', '0')
    redis.call('HSET', request_key(id), 'z', 'c', 'o', owner, 'g', whole(now), 'y', '0')
end

-- What whoever has the turn needs: id, milliseconds left, the request, the states.
local function put_turn(answer, id, tracker)
    local r = redis.call('HMGET', request_key(id), 'd', 'r')
    local states = redis.call('HGET', lane_key(tracker), 's')
    answer[#answer + 1] = id
    answer[#answer + 1] = whole(r[1] - now)
    answer[#answer + 1] = r[2]
    answer[#answer + 1] = states or ''
end

-- The next one of a free lane that still is to be commanded, or nil.
local function next_turn(tracker, owner)
    if not lane_is_free(tracker) then
        return nil
    end
    local id = redis.call('LPOP', queue_key(tracker))
    while id and redis.call('HGET', request_key(id), 'z') ~= 'q' do
        id = redis.call('LPOP', queue_key(tracker))
    end
    if id then
        give_turn(id, tracker, owner)
    end
    return id
end

-- Somebody has to look at the lane, at the latest then.
local function lane_due(tracker, at)
    if redis.call('EXISTS', queue_key(tracker)) == 1 then
        due('l' .. tracker, at)
    end
end
