-- The broker has the reply of a request: it is over.
local id = ARGV[1]
if redis.call('HGET', request_key(id), 'z') == 'e' then
    redis.call('DEL', request_key(id))
    not_due(id)
end
return {'D'}
