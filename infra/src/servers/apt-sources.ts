/** One place that apt fetches packages from. */
export interface AptSource {
  readonly uri: string
  readonly suites: readonly string[]
  /** A keyring file, when the source names one. */
  readonly keyring: string | undefined
}

/** The sources in a one-line-style file (`deb [signed-by=…] uri suite component…`). */
export function parseOneLineSources(text: string): AptSource[] {
  const sources: AptSource[] = []
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)/.exec(line)
    if (match === null) continue
    const keyring = /signed-by=(\S+)/.exec(match[1] ?? '')?.[1]
    sources.push({ uri: match[2] ?? '', suites: [match[3] ?? ''], keyring: keyringFile(keyring) })
  }
  return sources
}

/** The sources in a deb822 file (`Types: deb`, `URIs: …`, stanzas apart by an empty line). */
export function parseDeb822Sources(text: string): AptSource[] {
  const withoutComments = text.replace(/^#.*\n?/gm, '')
  return withoutComments.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = new Map<string, string>()
    for (const [, name, value] of stanza.matchAll(/^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)/gm)) {
      fields.set((name ?? '').toLowerCase(), (value ?? '').trim())
    }
    const words = (name: string) => (fields.get(name) ?? '').split(/\s+/).filter((word) => word !== '')
    if (!words('types').includes('deb') || /^(no|false|0)$/i.test(fields.get('enabled') ?? '')) return []
    const keyring = keyringFile(words('signed-by')[0])
    return words('uris').map((uri) => ({ uri, suites: words('suites'), keyring }))
  })
}

/**
 * The mirror that carries Debian's main archive, among the sources that this machine trusts: a fetched
 * `http(s)`/`mirror` address whose path ends in `/debian` (security and backports archives have other paths
 * or lie on the same mirror). Undefined on distributions that do not mirror Debian.
 */
export function debianMirror(sources: readonly AptSource[]): AptSource | undefined {
  return sources.find(({ uri }) =>
    /^(https?|ftp|mirror(\+\w+)*|file|copy|tor(\+\w+)*):\S*\/debian\/?$/.test(uri),
  )
}

function keyringFile(value: string | undefined): string | undefined {
  // A key can also stand in the source itself or be named by its fingerprint; only a file can be handed on.
  return value?.startsWith('/') ? value : undefined
}
