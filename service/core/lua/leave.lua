-- INSTANCE stops, and has left nothing to be inherited.
redis.call('HDEL', bucket .. ':i', ARGV[1])
return {'D'}
