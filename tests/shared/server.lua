-- Redis as far as the scripts need it, on a clock that is handed in: the real scripts run on it. What they may not do
-- (a key of another bucket, a number where it would be printed with an exponent) is an error.
local strings, hashes, lists, zsets, expiries = {}, {}, {}, {}, {}
local bucket = nil
model_now = 0

local function text(value)
    assert(type(value) == 'string' or type(value) == 'number', 'an argument is a ' .. type(value))
    if type(value) == 'number' then
        assert(value == math.floor(value) and math.abs(value) < 1e15, 'a number that is not whole')
        return string.format('%.0f', value)
    end
    return value
end

local function key_of(key)
    assert(string.sub(key, 1, #bucket + 1) == bucket .. ':', 'a key of another bucket: ' .. key)
    if expiries[key] and expiries[key] <= model_now then
        strings[key], expiries[key] = nil, nil
    end
    return key
end

local function is_there(key)
    return strings[key] or hashes[key] or lists[key] or zsets[key]
end

local function by_score(zset)
    local members = {}
    for member, score in pairs(zset) do
        members[#members + 1] = {member, score}
    end
    table.sort(members, function(a, b)
        return a[2] < b[2] or a[2] == b[2] and a[1] < b[1]
    end)
    return members
end

local commands = {}

function commands.TIME()
    return {text(math.floor(model_now / 1000)), text(model_now % 1000 * 1000)}
end

function commands.GET(key)
    return strings[key] or false
end

function commands.SET(key, value, px, ms)
    strings[key] = value
    expiries[key] = nil
    if px then
        assert(px == 'PX' and tonumber(ms) > 0)
        expiries[key] = model_now + tonumber(ms)
    end
end

function commands.EXISTS(key)
    return is_there(key) and 1 or 0
end

function commands.DEL(key)
    strings[key], hashes[key], lists[key], zsets[key] = nil, nil, nil, nil
end

function commands.HSET(key, ...)
    local fields = {...}
    assert(#fields > 0 and #fields % 2 == 0)
    hashes[key] = hashes[key] or {}
    for i = 1, #fields, 2 do
        hashes[key][fields[i]] = fields[i + 1]
    end
end

function commands.HGET(key, field)
    return hashes[key] and hashes[key][field] or false
end

function commands.HMGET(key, ...)
    local values = {}
    for i, field in ipairs({...}) do
        values[i] = hashes[key] and hashes[key][field] or false
    end
    return values
end

function commands.HDEL(key, ...)
    for _, field in ipairs({...}) do
        if hashes[key] then
            hashes[key][field] = nil
            if not next(hashes[key]) then
                hashes[key] = nil
            end
        end
    end
end

function commands.HVALS(key)
    local values = {}
    for _, value in pairs(hashes[key] or {}) do
        values[#values + 1] = value
    end
    return values
end

function commands.HSETNX(key, field, value)
    hashes[key] = hashes[key] or {}
    hashes[key][field] = hashes[key][field] or value
end

function commands.HLEN(key)
    local count = 0
    for _ in pairs(hashes[key] or {}) do
        count = count + 1
    end
    return count
end

function commands.HINCRBY(key, field, by)
    hashes[key] = hashes[key] or {}
    hashes[key][field] = text(tonumber(hashes[key][field] or '0') + tonumber(by))
end

function commands.RPUSH(key, value)
    lists[key] = lists[key] or {}
    table.insert(lists[key], value)
end

function commands.LINSERT(key, where, pivot, value)
    assert(where == 'BEFORE')
    for i, there in ipairs(lists[key] or {}) do
        if there == pivot then
            table.insert(lists[key], i, value)
            return
        end
    end
end

function commands.PEXPIRE(key)
    assert(lists[key]) -- long after the end of the world
end

local function drop_empty(key)
    if lists[key] and #lists[key] == 0 then
        lists[key] = nil
    end
end

function commands.LPOP(key)
    local value = lists[key] and table.remove(lists[key], 1) or false
    drop_empty(key)
    return value
end

function commands.LLEN(key)
    return lists[key] and #lists[key] or 0
end

function commands.LRANGE(key, from, to)
    assert(from == '0' and to == '-1')
    return {unpack(lists[key] or {})}
end

function commands.LREM(key, count, value)
    assert(count == '1')
    for i, there in ipairs(lists[key] or {}) do
        if there == value then
            table.remove(lists[key], i)
            break
        end
    end
    drop_empty(key)
end

function commands.ZADD(key, ...)
    local pairs_of = {...}
    assert(#pairs_of > 0 and #pairs_of % 2 == 0)
    zsets[key] = zsets[key] or {}
    for i = 1, #pairs_of, 2 do
        zsets[key][pairs_of[i + 1]] = assert(tonumber(pairs_of[i]))
    end
end

function commands.ZREM(key, member)
    if zsets[key] then
        zsets[key][member] = nil
        if not next(zsets[key]) then
            zsets[key] = nil
        end
    end
end

function commands.ZCARD(key)
    return #by_score(zsets[key] or {})
end

function commands.ZRANGEBYSCORE(key, min, max, limit, offset, count)
    assert(min == '-inf' and limit == 'LIMIT' and offset == '0')
    local found = {}
    for _, entry in ipairs(by_score(zsets[key] or {})) do
        if entry[2] <= tonumber(max) and #found < tonumber(count) then
            found[#found + 1] = entry[1]
        end
    end
    return found
end

function commands.ZRANGE(key, from, to, with)
    assert(from == '0' and to == '0' and with == 'WITHSCORES')
    local first = by_score(zsets[key] or {})[1]
    return first and {first[1], text(first[2])} or {}
end

redis = {}

function redis.call(name, key, ...)
    local args = {...}
    for i = 1, #args do
        args[i] = text(args[i])
    end
    local command = assert(commands[name], 'what is ' .. name .. '?')
    return command(key and key_of(key), unpack(args))
end

-- Everything is lost.
function model_forget()
    strings, hashes, lists, zsets, expiries = {}, {}, {}, {}, {}
end

-- How many keys there are, of those that are not to stay.
function model_left()
    local left = 0
    for key in pairs(lists) do
        left = left + (string.find(key, ':q:', 1, true) and #lists[key] or 0)
    end
    for key in pairs(hashes) do
        if model_shows and string.find(key, ':r:', 1, true) then
            print(key, hashes[key].z, hashes[key].o)
        end
        left = left + (string.find(key, ':r:', 1, true) and 1 or 0)
    end
    for key, zset in pairs(zsets) do
        for member, score in pairs(zset) do
            if model_shows then
                print(key, member, score - model_now)
            end
            left = left + 1
        end
    end
    return left
end

local compiled = {}

function model_run(name, script, key, ...)
    compiled[name] = compiled[name] or assert(loadstring(script, name))
    bucket = key
    KEYS, ARGV = {key}, {...}
    local answer = compiled[name]()
    for i = 1, #answer do
        answer[i] = text(answer[i])
    end
    return unpack(answer)
end
