/** The paths that exist, so that a wrong method on one of them is told from a wrong path. */
export interface KnownPaths {
  add(url: string, method: string | string[]): void
  /** The methods of a path, in the order of the alphabet; empty for one that does not exist. */
  methodsOf(url: string): string[]
}

export const createKnownPaths = (): KnownPaths => {
  const paths = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>()
  return {
    add(url, method) {
      const path = paths.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() }
      for (const each of [method].flat()) path.methods.add(each)
      paths.set(url, path)
    },
    methodsOf(url) {
      const path = url.split('?', 1)[0] ?? ''
      const known = [...paths.values()].filter(({ pattern }) => pattern.test(path))
      return [...new Set(known.flatMap(({ methods }) => [...methods]))].sort()
    },
  }
}

/** A route's path, in which `:name` is one segment and `*` any rest. */
const patternOf = (url: string): RegExp =>
  new RegExp(
    `^${url
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replace(/:\w+/g, '[^/]+')
      .replace(/\*/g, '.*')}$`,
  )
