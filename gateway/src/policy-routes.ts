import type { FastifyInstance, RouteOptions } from 'fastify'
import { isOperation, type Operation } from './policy.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Of the policy; without it, the route's `operationId`. */
    operation?: Operation
  }
  interface FastifyInstance {
    namedRoutes(): NamedRoute[]
  }
}

/** Undefined where a route names none of the policy's. */
export const operationOf = ({ config, schema }: RouteOptions): Operation | undefined => {
  const name: unknown = config?.operation ?? (schema as { operationId?: unknown } | undefined)?.operationId
  return isOperation(name) ? name : undefined
}

/** For routes that others declare: in a context of its own, they name this one. */
export const nameOperation = (app: FastifyInstance, operation: Operation): void => {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, operation: route.config?.operation ?? operation }
  })
}

/** A route as the policy's report shows it. */
export interface NamedRoute {
  readonly operation: Operation
  readonly method: string
  readonly url: string
}

/** No server starts with a route that names no operation. @returns the routes, once they are all there. */
export const watchRoutes = (app: FastifyInstance): (() => NamedRoute[]) => {
  const routes: RouteOptions[] = []
  app.addHook('onRoute', (route) => void routes.push(route))
  const named = (): NamedRoute[] =>
    routes.flatMap((route) => {
      const operation = operationOf(route)
      if (operation === undefined)
        throw new Error(`${route.method} ${route.url} names no operation of the policy`)
      return [route.method].flat().map((method) => ({ operation, method, url: route.url }))
    })
  app.addHook('onReady', async () => void named())
  return named
}
