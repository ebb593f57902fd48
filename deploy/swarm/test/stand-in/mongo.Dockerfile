# Stands in for MongoDB's image: FerretDB over SQLite, with what the stack uses of the image.
FROM scratch
COPY shell /
COPY ferretdb.libraries /
COPY ferretdb /bin/ferretdb
COPY mongo.entrypoint /bin/entrypoint
COPY mongo.mongosh /bin/mongosh
VOLUME /data/db /data/configdb
ENTRYPOINT ["/bin/entrypoint"]
