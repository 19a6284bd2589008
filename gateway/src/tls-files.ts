import { readFileSync } from 'node:fs'
import type { Server } from 'node:https'
import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls'
import type { Logger } from '@votestream/infra/logging'

/** A certificate with its key, as it stands in files that somebody renews from time to time. */
export interface TlsFiles {
  current(): SecureContextOptions
  /** Lets a server take what is in the files from then on. @returns how to stop */
  follow(server: Pick<Server, 'setSecureContext'>): () => void
}

interface TlsFilesOptions {
  /** In PEM, with the certificates up to a root that clients know behind it. */
  readonly certFile: string
  readonly keyFile: string
  readonly logger: Logger
  readonly lookEveryMs?: number
}

export const TLS_OPTIONS: TlsOptions = { minVersion: 'TLSv1.2', handshakeTimeout: 10_000 }

const LOOK_EVERY_MS = 10_000

interface TlsVariables {
  readonly TLS_CERT_FILE?: string | undefined
  readonly TLS_KEY_FILE?: string | undefined
}

/** Undefined where no TLS is spoken. @throws as `openTlsFiles` */
export const tlsFilesOf = (
  { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile }: TlsVariables,
  logger: Logger,
): TlsFiles | undefined =>
  certFile !== undefined && keyFile !== undefined ? openTlsFiles({ certFile, keyFile, logger }) : undefined

/** @throws Error for files that cannot be read, or of which one does not belong to the other */
export const openTlsFiles = ({
  certFile,
  keyFile,
  logger,
  lookEveryMs = LOOK_EVERY_MS,
}: TlsFilesOptions): TlsFiles => {
  let { pair, text } = readPair(certFile, keyFile)
  let complaint = ''

  /** Files are replaced one after the other: in between, and when one is broken, what was there before stands. */
  const look = (server: Pick<Server, 'setSecureContext'>): void => {
    try {
      const read = readPair(certFile, keyFile)
      complaint = ''
      if (read.text === text) return
      ;({ pair, text } = read)
      server.setSecureContext({ ...TLS_OPTIONS, ...pair })
      logger.info('a new certificate is in use')
    } catch (error) {
      const { message } = error as Error
      if (message !== complaint) logger.warn({ err: error }, 'the certificate stays as it was')
      complaint = message
    }
  }

  return {
    current: () => pair,
    follow(server) {
      const timer = setInterval(() => look(server), lookEveryMs).unref()
      return () => clearInterval(timer)
    },
  }
}

const readPair = (certFile: string, keyFile: string): { pair: SecureContextOptions; text: string } => {
  const pair = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  // A file that is being written is empty at first, and a context is made without a certificate then.
  if (pair.cert === '') throw new Error(`${certFile} is empty`)
  if (pair.key === '') throw new Error(`${keyFile} is empty`)
  createSecureContext(pair)
  return { pair, text: pair.cert + pair.key }
}
