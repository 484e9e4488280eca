-- Numbers for requests: I FIRST NOW, and as many after it as fit below the next second's. LAST is the highest one that
-- the caller had. They go on upwards though the server loses everything: what it has lost is told by its callers, or, as
-- long as less than one block a second is taken in the long run, by the clock.
local BEGIN_S, SIZE = 1704067200, 4194304 -- 2024-01-01; 2^22
local block = math.max(math.floor(now / 1000) - BEGIN_S, tonumber(redis.call('GET', bucket .. ':ids') or 0) + 1,
                       math.floor(ARGV[1] / SIZE) + 1)
redis.call('SET', bucket .. ':ids', whole(block))
return {'I', whole(block * SIZE), whole(now)}
