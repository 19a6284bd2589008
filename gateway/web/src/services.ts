import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { createGraph, type Graph } from './api/graph.js'
import { createLiveSocket, type LiveSocket } from './api/live-socket.js'
import { createViewerToken } from './api/viewer-token.js'
import { createRouter, type Router } from './router.js'
import { createRum, type Rum } from './rum/rum.js'
import { createSession, type Session } from './session.js'
import { type Changeable, createValue } from './state.js'
import { createThemeChoice, type ThemeChoice } from './theme.js'

/** What the components reach for; built once, in main. */
export interface Services {
  readonly graph: Graph
  readonly session: Session
  readonly router: Router
  readonly theme: ThemeChoice
  readonly rum: Rum
  readonly viewerSocket: LiveSocket
  readonly storage: Storage
  readonly signInOpen: Changeable<boolean>
  /** The service's present. */
  readonly now: () => number
}

export const createServices = (): Services => {
  const storage = sessionStorage
  const session = createSession(storage)
  const rum = createRum('/rum')
  const viewerToken = createViewerToken('/viewer-token', rum.decide)
  const url = new URL('/graphql', location.href)
  const socketUrl = new URL(url)
  socketUrl.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  const viewerSocket = createLiveSocket({
    url: socketUrl.href,
    token: viewerToken.get,
    onRefused: viewerToken.drop,
  })

  // The socket of who is signed in: it connects when something is followed, and ends with the session.
  let own: { readonly token: string; readonly socket: LiveSocket } | undefined
  const voterSocket = (): LiveSocket | undefined => {
    const token = session.user.get()?.token
    if (own?.token !== token) {
      own?.socket.end()
      own = undefined
    }
    if (token === undefined) return undefined
    own ??= {
      token,
      socket: createLiveSocket({
        url: socketUrl.href,
        token: async () => token,
        onRefused: session.expire,
      }),
    }
    return own.socket
  }
  session.user.watch(() => void voterSocket())

  return {
    graph: createGraph({ url: url.href, viewerToken, session, viewerSocket, voterSocket }),
    session,
    router: createRouter(),
    rum,
    theme: createThemeChoice(localStorage, document.documentElement),
    viewerSocket,
    storage,
    signInOpen: createValue(false),
    now: () => Date.now() + viewerToken.clockOffsetMs(),
  }
}

export const ServicesContext = createContext<Services | undefined>(undefined)

export const useServices = (): Services => {
  const services = useContext(ServicesContext)
  if (!services) throw new Error('no services above this component')
  return services
}
