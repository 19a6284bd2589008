import { createValue, type Watched } from './state.js'

export type Place =
  | { readonly kind: 'events' }
  | { readonly kind: 'event'; readonly id: string }
  | { readonly kind: 'new' }
  | { readonly kind: 'nowhere' }

export interface Router {
  readonly place: Watched<Place>
  go(path: string): void
}

export const placeOf = (path: string): Place => {
  if (path === '/') return { kind: 'events' }
  if (path === '/new') return { kind: 'new' }
  const id = /^\/event\/([^/]+)\/?$/.exec(path)?.[1]
  return id === undefined ? { kind: 'nowhere' } : { kind: 'event', id }
}

export const pathOfEvent = (id: string): string => `/event/${encodeURIComponent(id)}`

/** Links within the page change its address without loading it again; all others are the browser's. */
export const createRouter = (): Router => {
  const place = createValue(placeOf(location.pathname))
  const look = () => place.set(placeOf(location.pathname))
  const go = (path: string) => {
    history.pushState(undefined, '', path)
    look()
    scrollTo(0, 0)
  }
  addEventListener('popstate', look)
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (link?.target !== '' || link.origin !== location.origin || link.hash !== '') return
    if (placeOf(link.pathname).kind === 'nowhere') return
    event.preventDefault()
    go(link.pathname)
  })
  return { place, go }
}
