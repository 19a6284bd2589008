import { startSmallSystem } from '../small-system.js'
import type { Running } from './contenders.js'
import { CONTESTANTS } from './shown-board.js'

/** The gateway as it runs. Boards come to it as the tally sends them. */
export const startVotestream = async (): Promise<Running> => {
  const system = await startSmallSystem({ contestants: CONTESTANTS })
  const [event] = system.events
  const [gateway] = system.gateways
  if (!event || !gateway) throw new Error('the system has no event')
  return {
    url: `ws://127.0.0.1:${gateway.port}`,
    dialect: { name: 'graphql', eventId: event.id, token: system.viewerToken() },
    pids: await system.gatewayPids(),
    show: (version, votes, atMs) => system.show(event, version, votes, atMs),
    stop: system.stop,
  }
}
