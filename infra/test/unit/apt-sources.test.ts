import assert from 'node:assert/strict'
import { debianMirror, parseDeb822Sources, parseOneLineSources } from '../../src/servers/apt-sources.js'

describe("the mirror in apt's own configuration", () => {
  it('is found in deb822 sources, with the keyring that it names', () => {
    const sources = parseDeb822Sources(`Types: deb
# a comment
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`)
    assert.deepEqual(debianMirror(sources), {
      uri: 'http://mirror.example/debian',
      suites: ['bookworm', 'bookworm-updates'],
      keyring: '/usr/share/keyrings/debian-archive-keyring.gpg',
    })
  })

  it('is found in one-line sources, with or without options', () => {
    const sources = parseOneLineSources(`# deb http://off.example/debian bookworm main
deb-src http://mirror.example/debian bookworm main
deb [arch=amd64 signed-by=/etc/apt/keyrings/x.gpg] https://packages.example/apt stable main
deb http://mirror.example/debian/ bookworm main
`)
    assert.equal(sources.length, 2)
    assert.deepEqual(debianMirror(sources), {
      uri: 'http://mirror.example/debian/',
      suites: ['bookworm'],
      keyring: undefined,
    })
  })

  it('is not a disabled source, a security archive or another distribution', () => {
    const text = `Enabled: no\nTypes: deb\nURIs: http://mirror.example/debian\nSuites: stable\n
Types: deb\nURIs: http://mirror.example/ubuntu http://mirror.example/debian-security\nSuites: noble\n`
    assert.equal(debianMirror(parseDeb822Sources(text)), undefined)
  })

  it('hands on a keyring only where it is a file: keys written into the source stay there', () => {
    const text = `Types: deb\nURIs: http://mirror.example/debian\nSuites: stable\nSigned-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----
`
    assert.equal(debianMirror(parseDeb822Sources(text))?.keyring, undefined)
  })
})
