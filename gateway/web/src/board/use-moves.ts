import type { RefObject } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

const MOVE_MS = 450

/**
 * Lets the children of a list glide from their old places to their new ones when their order changes: the
 * browser has them at the new place already, the animation starts them at the difference and lets it go to
 * zero. A move that is interrupted goes on from where it is seen. Children are told apart by `data-id`.
 */
export const useMoves = <List extends HTMLElement>(order: string): RefObject<List | null> => {
  const list = useRef<List>(null)
  const places = useRef(new Map<string, number>())

  useLayoutEffect(() => {
    if (!list.current) return
    const before = places.current
    const after = new Map<string, number>()
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches
    for (const child of list.current.children) {
      if (!(child instanceof HTMLElement) || child.dataset.id === undefined) continue
      const place = child.offsetTop
      after.set(child.dataset.id, place)
      const old = before.get(child.dataset.id)
      if (old === undefined || old === place || still) continue
      const underWay = new DOMMatrixReadOnly(getComputedStyle(child).transform).m42
      for (const animation of child.getAnimations()) animation.cancel()
      child.animate([{ transform: `translateY(${old - place + underWay}px)` }, { transform: 'none' }], {
        duration: MOVE_MS,
        easing: 'cubic-bezier(0.2, 0.8, 0.2, 1)',
      })
    }
    places.current = after
  }, [order])
  return list
}
