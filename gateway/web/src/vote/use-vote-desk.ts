import { useEffect, useState } from 'preact/hooks'
import { useServices } from '../services.js'
import { useWatched } from '../state.js'
import { createVoteDesk, type VoteDesk } from './vote-desk.js'
import type { VoteState } from './vote-state.js'

const NONE: VoteState = { step: 'none' }

/** The desk of who is signed in; none for visitors. */
export const useVoteDesk = (eventId: string): { desk: VoteDesk | undefined; state: VoteState } => {
  const { graph, session, storage, rum } = useServices()
  const userId = useWatched(session.user)?.id
  const [desk, setDesk] = useState<VoteDesk>()
  const [state, setState] = useState<VoteState>(NONE)
  useEffect(() => {
    if (userId === undefined) return
    const own = createVoteDesk({ graph, storage, userId, eventId })
    setDesk(own)
    setState(own.state.get())
    const unwatch = own.state.watch((next) => {
      rum.votes.vote(eventId, next)
      setState(next)
    })
    return () => {
      unwatch()
      own.leave()
      setDesk(undefined)
      setState(NONE)
    }
  }, [graph, storage, rum, userId, eventId])
  return { desk, state }
}
