# syntax=docker/dockerfile:1
# kiro-gateway in a container; docs/deployment.md says how to run it. `npm run smoke` goes through the steps of this file.

FROM node:24-alpine AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY src ./src
RUN npm run build -- --sourceMap false

FROM node:24-alpine
WORKDIR /app
COPY package.json package-lock.json LICENSE ./
# The optional package is the way to a desktop's keychain, which no container has.
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts --omit=optional --no-audit --no-fund
COPY bin ./bin
COPY --from=build /app/dist ./dist
# State is the only place that is written; a volume made on it belongs to the user below.
RUN mkdir /state && chown node:node /state
ENV NODE_ENV=production SERVER_HOST=0.0.0.0 SERVER_PORT=8000 KIRO_GATEWAY_HOME=/state
USER node
VOLUME /state
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.SERVER_PORT}/health`).then((it) => process.exit(it.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/bin/kiro-gateway.js"]
CMD ["serve"]
