import { Counter, type Registry } from 'prom-client'
import type { Nats } from './nats.js'

/** Anything but 0 is a right that this service's user in NATS lacks, or somebody who uses it for something else. */
export const watchRefusals = (registry: Registry, nats: Pick<Nats, 'refused'>): void => {
  new Counter({
    name: 'votestream_nats_refused_total',
    help: 'What NATS did not let this user publish or subscribe to.',
    registers: [registry],
    collect() {
      this.reset()
      this.inc(nats.refused())
    },
  })
}
