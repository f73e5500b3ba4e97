// Package deliver brings events to the platform's webhook endpoints, signed as Standard Webhooks 1.0 says. It stands at the
// end of the flow: the store holds events and says which deliveries of an endpoint are due, package egress lets requests
// out, package retry says what follows a failure.
//
// Each endpoint is a lane, worked by one goroutine. A lane's step (Tick) stores how requests ended, decides by the pure
// function next, plans deliveries of new events and hands out what is due. Requests run beside it, as many at a time as
// are allowed and of each ordering key one; a key is free for its next delivery when the end of the one before is durable.
// A request that was cut by a crash is made again with the same webhook-id, the same body and the same number.
package deliver
