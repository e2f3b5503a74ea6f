#!/bin/sh
# Makes the certificates of the TLS tests anew: a test authority, and what it signed for a worker and for a client.
# They are worth nothing outside of the tests. Needs OpenSSL 3.
set -e
cd "$(dirname "$0")"
made=$(mktemp -d)
days=36500
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

key "$made/authority-key.pem"
openssl req -x509 -new -key "$made/authority-key.pem" -days $days -subj "/CN=Tidelock test authority" \
  -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" -out authority.pem
for name in worker client; do
  key "$name-key.pem"
  openssl req -new -key "$name-key.pem" -subj "/CN=Tidelock test $name" -out "$made/$name.csr"
  printf '%s\n' "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" \
    "extendedKeyUsage=serverAuth,clientAuth" "subjectAltName=DNS:localhost,IP:127.0.0.1" \
    "subjectKeyIdentifier=hash" "authorityKeyIdentifier=keyid" > "$made/extensions"
  openssl x509 -req -in "$made/$name.csr" -CA authority.pem -CAkey "$made/authority-key.pem" -days $days \
    -extfile "$made/extensions" -out "$name.pem"
done
rm -r "$made"
